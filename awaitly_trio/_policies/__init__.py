"""Pure decisions: time and chance come in as arguments, and nothing waits."""
