"""A notebook as a document: cells, edits, differences, review and three backends."""
