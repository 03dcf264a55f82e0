"""The words everything else speaks: messages, events, errors and the two reducers."""
