"""The accountant's morning: a day of real programs, and every planted difference named.

`day` is what a real box does with simulated patients, `made` a larger day invented from a seed;
`center` is the real centre as a process, spoken to as a browser, a program and a box do. Nothing
here imports the centre.
"""
