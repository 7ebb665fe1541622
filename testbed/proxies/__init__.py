"""Proxies on the shipped recipes, with pools behind them and a dispatcher beside them."""
