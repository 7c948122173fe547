"""Places as AWS, Azure and Oracle leave them, below a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.unit.intake.exports import charge, write_csv


def rows(*numbers: int, **values: str) -> list[dict[str, str]]:
    return [charge(number, **values) for number in numbers]


def put(root: Path, path: str, *numbers: int, **values: str) -> Path:
    """An export file."""
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    return write_csv(file, rows(*numbers, **values))


def put_json(root: Path, path: str, document: object) -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))
    return file


def aws_period(root: Path, period: str, parts: Mapping[str, int], *, execution: str = "", bucket: str = "b") -> Path:
    """One execution of an export named `focus`: its parts, then its manifest."""
    months = {
        "BillingPeriodStart": f"{period}-01T00:00:00Z", "BillingPeriodEnd": f"{period}-28T00:00:00Z",
    }  # fmt: skip
    folder = f"data/BILLING_PERIOD={period}/{execution and execution + '/'}"
    for name, number in parts.items():
        put(root, f"exp/focus/{folder}{name}", number, **months)
    document = {
        "columns": [{"name": "BilledCost", "type": "double"}],
        "dataFiles": [f"s3://{bucket}/exp/focus/{folder}{name}" for name in parts],
    }
    return put_json(root, f"exp/focus/metadata/BILLING_PERIOD={period}/focus-Manifest.json", document)


def azure_run(root: Path, run: str, submitted: str, numbers: Mapping[str, int], **changes: Any) -> Path:
    """One run of a daily export named `daily`; `changes` replace members of the manifest."""
    folder = f"exports/daily/20260101-20260131/{run}"
    blobs: list[dict[str, Any]] = []
    for name, number in numbers.items():
        file = put(root, f"{folder}/{name}", number)
        blobs.append({"blobName": f"{folder}/{name}", "byteCount": file.stat().st_size, "dataRowCount": 1})
    document = {
        "manifestVersion": "2024-04-01", "byteCount": sum(blob["byteCount"] for blob in blobs),
        "blobCount": len(blobs), "dataRowCount": len(blobs),
        "exportConfig": {"exportName": "daily", "resourceId": "/providers/Microsoft.Billing/1", "dataVersion": "1.2",
                         "apiVersion": "2025-03-01", "type": "FocusCost", "timeFrame": "MonthToDate",
                         "granularity": "Daily"},
        "deliveryConfig": {"partitionData": True, "dataOverwriteBehavior": "CreateNewReport", "fileFormat": "Csv"},
        "runInfo": {"executionType": "Scheduled", "submittedTime": submitted, "runId": run,
                    "startDate": "2026-01-01T00:00:00", "endDate": "2026-01-31T00:00:00Z"},
        "blobs": blobs,
    }  # fmt: skip
    return put_json(root, f"{folder}/manifest.json", document | changes)
