-- A fleet's configuration as the dispatcher compiled it from a document.

configuration = {}

-- Parses the arguments from `at`: expected version, document, policy, utilities digest, names, capacities, lease,
-- retention, beta coefficient, beta power, exponent, order, bound, then the marginals of each class. Nil if the policy
-- is unknown.
function configuration.parse(arguments, at)
  local words = { unpack(arguments, at) }
  local policy = policies.BY_NAME[words[3]]
  return policy and {
    expected = words[1], document = words[2], policy = words[3], utilities = words[4],
    names = vectors.split(words[5]), capacities = vectors.split(words[6], true),
    lease = tonumber(words[7]), retention = tonumber(words[8]),
    beta_coefficient = tonumber(words[9]), beta_power = tonumber(words[10]),
    exponent = tonumber(words[11]), order = words[12], bound = words[13], marginals = { unpack(words, 14) },
  }
end
