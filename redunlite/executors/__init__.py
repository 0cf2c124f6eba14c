"""The places where functions run. `base` tells what each of them promises."""
