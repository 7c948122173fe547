"""Where exports lie and what of them makes a delivery: folders and object stores, with the providers' own manifests."""
