"""The dispatcher: places sessions on heterogeneous server pools so that total utility is as large as theory allows."""
