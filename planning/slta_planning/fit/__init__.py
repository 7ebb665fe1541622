"""`slta fit`: fits utility curves of pool classes to samples.

| module | owns |
|---|---|
| samples | samples by class, from a CSV file |
| prometheus | series from range queries |
| series | series of CSV exports; samples from series of two metrics |
| levels | samples by level: counts, means, noise |
| concave | concave least squares |
| shape | concavity test of the means |
| bands | bootstrap bands of the curve |
| families | parametric families, fitted by weighted least squares |
| candidates | candidate curves, table and families, and the choice |
| warnings | where the curve is assumed, and where noise decides it |
| fitting | the fit of one class |
| weights | curves that share sessions as weights do |
| learned | a class's curve from sums of samples by level |
| change | samples that count once a class has changed |
| proposal | curves proposed for a running fleet: one unit, steps, and when they are worth it |
| live | the proposal for a fleet of a dispatcher, reported, written or applied |
| fleet | the curves as a fleet file |
| results | the figures as JSON |
| fit_report | the figures as text |
| picture | the plot |
| options | parsers of options |
| command | command line |
"""
