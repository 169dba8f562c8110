"""What runs inside a sandbox: these files are sent there by `bundle`, and need the standard library alone."""
