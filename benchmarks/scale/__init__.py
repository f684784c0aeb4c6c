"""An on-sale at scale, simulated: what refuses buyers first, when consumers have caught up, what it costs."""
