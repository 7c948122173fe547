"""A closed period's books as files that people, finance systems and outside programs read. Pure text, no clock."""
