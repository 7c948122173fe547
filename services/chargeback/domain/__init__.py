"""The rules of internal invoicing, pure: rounding, documents, numbers, and who may do what when."""
