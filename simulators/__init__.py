"""Everything the box talks to, simulated: provider gateways, HIS, scanner, faults, the world."""
