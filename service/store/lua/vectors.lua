-- Vectors, one number per class, and fields as text.

vectors = {}

function vectors.zeros(length)
  local vector = {}
  for position = 1, length do
    vector[position] = 0
  end
  return vector
end

function vectors.sum(vector)
  local total = 0
  for position = 1, #vector do
    total = total + vector[position]
  end
  return total
end

function vectors.has(vector, value)
  for position = 1, #vector do
    if vector[position] == value then
      return true
    end
  end
  return false
end

-- The words of a text, as numbers if `numeric`.
function vectors.split(text, numeric)
  local values = {}
  for word in string.gmatch(text, '%S+') do
    values[#values + 1] = numeric and tonumber(word) or word
  end
  return values
end

-- Numbers are text with 17 significant digits, so doubles survive.
function vectors.encode(value)
  if type(value) == 'number' then
    local whole = value % 1 == 0 and value < 2 ^ 53 and value > -2 ^ 53
    return string.format(whole and '%d' or '%.17g', value)
  elseif type(value) == 'string' then
    return value
  end
  local words = {}
  for position = 1, #value do
    words[position] = vectors.encode(value[position])
  end
  return table.concat(words, ' ')
end

function vectors.decode(kind, text)
  if kind == 'number' then
    return tonumber(text)
  elseif kind == 'vector' then
    return vectors.split(text, true)
  elseif kind == 'words' then
    return vectors.split(text)
  end
  return text
end

-- Calls visit(position, entry) for each entry, `bytes` long, of a compiled table that begins with the position of a
-- class that has pools. O(entries).
function vectors.each_entry(text, bytes, pool_counts, visit)
  for at = 1, #text, bytes do
    local position = tonumber(string.sub(text, at, at + constants.CLASS_BYTES - 1))
    if pool_counts[position] > 0 then
      visit(position, string.sub(text, at, at + bytes - 1))
    end
  end
end
