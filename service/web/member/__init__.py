"""The pages that members open from a mail."""
