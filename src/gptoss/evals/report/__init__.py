"""What a run found, told with intervals: as JSON, Markdown and a page; and two runs on the same items compared."""
