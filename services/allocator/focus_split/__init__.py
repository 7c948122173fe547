"""The month as a FOCUS file with the split in it: shared charges replaced by what each cost center gets of them."""
