"""The command group: every command of `apportion intake` in its place."""

from __future__ import annotations

import typer

from services.intake.commands import costs, deciding, listing, looking, republishing, withdrawing
from services.intake.commands.tags import check
from services.intake.sources.cli import watch

intake = typer.Typer(help="Deliveries: what comes in, how good it is, and what is held.", no_args_is_help=True)
intake.command("deliveries")(listing.deliveries)
intake.command("watch")(watch)
intake.command("costs")(costs.costs)
intake.command("quality")(looking.quality)
intake.command("rejected")(looking.rejected)
intake.command("release")(deciding.release)
intake.command("cancel")(deciding.cancel)
intake.command("withdraw")(withdrawing.withdraw)
intake.command("republish")(republishing.republish)

_tags = typer.Typer(help="How tags are normalised.", no_args_is_help=True)
_tags.command("check")(check)
intake.add_typer(_tags, name="tags")
