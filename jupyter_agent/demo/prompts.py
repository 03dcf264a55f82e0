"""The prompts that the demo offers. Apart from the script, which is loaded only to be played."""

DEMO_PROMPT = (
    "Which species is the heaviest, and does a longer bill go with a deeper bill? "
    "Check the data first, show a plot, and explain what you find."
)

EXPLORE_PROMPT = (
    "Explore the table here: what does it hold, what is missing, and how are its numbers "
    "distributed? Show a plot, and explain what you find."
)
