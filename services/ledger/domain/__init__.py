"""Pure accounting: no I/O, no clock, no randomness; the standard library and `shared.money` only."""
