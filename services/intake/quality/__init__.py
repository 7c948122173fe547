"""Quality of what was delivered: flags on rows, rules over sums, deliveries that shrink, and the report."""
