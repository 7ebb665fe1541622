-- Vectors with one number per class, and their text form.

vectors = {}

function vectors.zeros(length)
  local vector = {}
  for at = 1, length do
    vector[at] = 0
  end
  return vector
end

function vectors.sum(vector)
  local total = 0
  for at = 1, #vector do
    total = total + vector[at]
  end
  return total
end

-- The first index of a value; nil if there is none.
function vectors.index(vector, value)
  for at = 1, #vector do
    if vector[at] == value then
      return at
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

-- A number as text, with all digits of a double.
function vectors.text(number)
  local is_whole = number % 1 == 0 and number < 2 ^ 53 and number > -2 ^ 53
  return string.format(is_whole and '%d' or '%.17g', number)
end

-- Numbers as text with blanks between.
function vectors.encode(numbers)
  local words = {}
  for at = 1, #numbers do
    words[at] = vectors.text(numbers[at])
  end
  return table.concat(words, ' ')
end

-- Appends the elements of a list to another one.
function vectors.append(list, more)
  for at = 1, #more do
    list[#list + 1] = more[at]
  end
  return list
end

-- Fields and values, as HGETALL returns them, as a table.
function vectors.by_name(flat)
  local found = {}
  for at = 1, #flat, 2 do
    found[flat[at]] = flat[at + 1]
  end
  return found
end
