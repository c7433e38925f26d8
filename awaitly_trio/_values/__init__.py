"""Pure data: results, errors, outcomes, events, durations and their wire form."""
