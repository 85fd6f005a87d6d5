"""The drawn collection: endless picture postcards with exact captions."""
