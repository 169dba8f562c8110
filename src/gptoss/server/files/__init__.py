"""Files that clients upload, and that other requests name by their ids."""
