"""What all services share: money, the splitting function, contracts, and the edges to Kafka and PostgreSQL."""
