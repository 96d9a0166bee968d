"""Login and consent: the decisions. The forms are drawn by whoever implements `trustweft.server.pages.Pages`."""
