"""Input devices of the machine that runs `mereq supervise`. Those of the browser are in frontend/src."""
