"""Models, endpoint configurations, endpoints and the servers behind them."""
