"""The comparison with the articles as Markdown, as CSV and as one offline page."""
