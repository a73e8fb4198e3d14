"""Pages of the portal, and of the assistant on the desk."""
