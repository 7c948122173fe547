"""The files of an issued batch, written from frozen documents alone: the same documents give the same bytes."""
