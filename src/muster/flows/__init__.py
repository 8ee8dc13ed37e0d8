"""Base, source and target connections, flows and flow runs."""
