"""An opened checkpoint, in any of the layouts that are read, as files for other programs."""
