"""What is felt: requests, the reasoned plan, the ontology and the tables behind them. Imports no torch."""
