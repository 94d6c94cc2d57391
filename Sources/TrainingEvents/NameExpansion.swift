/// Strategies and patterns as lists of names: what keys, lines of `--plain` and options mean by them.
extension Strategy {
    /// Those of `names` that train, in order.
    package func trainable(of names: [String]) -> [String] { names.filter(trains) }
}

extension ParameterPattern {
    /// Those of `names` that the pattern matches, in order.
    package func matching(_ names: [String]) -> [String] { names.filter(matches) }
}
