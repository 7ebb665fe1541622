-- Vectors with one number per class, and the text form of fields.

vectors = {}

function vectors.zeros(length)
  local vector = {}
  for i = 1, length do
    vector[i] = 0
  end
  return vector
end

function vectors.sum(vector)
  local total = 0
  for i = 1, #vector do
    total = total + vector[i]
  end
  return total
end

-- The first index of a value; nil if there is none.
function vectors.index(vector, value)
  for i = 1, #vector do
    if vector[i] == value then
      return i
    end
  end
end

-- Splits a text into words, or numbers if `numeric`.
function vectors.split(text, numeric)
  local values = {}
  for word in string.gmatch(text, '%S+') do
    values[#values + 1] = numeric and tonumber(word) or word
  end
  return values
end

-- Formats a field as text. Numbers have 17 significant digits, which preserves doubles.
function vectors.encode(value)
  if type(value) == 'number' then
    local whole = value % 1 == 0 and value < 2 ^ 53 and value > -2 ^ 53
    return string.format(whole and '%d' or '%.17g', value)
  elseif type(value) == 'string' then
    return value
  end
  local words = {}
  for i = 1, #value do
    words[i] = vectors.encode(value[i])
  end
  return table.concat(words, ' ')
end

function vectors.decode(kind, text)
  if kind == 'number' then
    return tonumber(text)
  elseif kind == 'vector' or kind == 'words' then
    return vectors.split(text, kind == 'vector')
  end
  return text
end

-- Whether a field has a value of its kind.
function vectors.is_valid(kind, value, length)
  if kind == 'number' then
    return type(value) == 'number' and value == value and math.abs(value) < 1e300
  elseif kind == 'vector' then
    for class_index = 1, length do
      if type(value) ~= 'table' or not vectors.is_valid('number', value[class_index]) then
        return false
      end
    end
    return #value == length
  end
  return value ~= nil
end

-- The first value of a field.
function vectors.empty(kind, length)
  return kind == 'vector' and vectors.zeros(length) or kind == 'number' and 0 or kind == 'words' and {} or ''
end
