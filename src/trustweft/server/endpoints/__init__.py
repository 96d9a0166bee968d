"""What each endpoint does once its checks have passed; thin."""
