-- A fleet's configuration as the dispatcher compiled it from a document.

configuration = {}

-- Parses the arguments from `at`: those of constants.PUT_ARGUMENTS, then the marginals of each class. Nil if the policy
-- is unknown.
function configuration.parse(arguments, at)
  local given, count = {}, #constants.PUT_ARGUMENTS
  for offset, name in ipairs(constants.PUT_ARGUMENTS) do
    given[name] = arguments[at + offset - 1]
  end
  for _, name in ipairs({ 'lease', 'retention', 'beta_coefficient', 'beta_power', 'exponent' }) do
    given[name] = tonumber(given[name])
  end
  given.names, given.capacities = vectors.split(given.names), vectors.split(given.capacities, true)
  given.marginals = { unpack(arguments, at + count) }
  return policies.BY_NAME[given.policy] and given
end
