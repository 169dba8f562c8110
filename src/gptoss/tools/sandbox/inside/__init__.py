"""What runs inside a sandbox: these files are sent there by `bundle`, and need the standard library alone.

Of that as little as can be before it is needed: a start is hardly more than the interpreter's own. So typing, json, re,
signal, traceback and what they bring with them are not imported at once.
"""
