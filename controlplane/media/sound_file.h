// A sound of the operator's: a WAV file of 8 kHz, one channel, linear of 16 bits or G.711. At start
// only; may wait for the disk.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drivers/base/result.h"

namespace tandem::media {

// Its samples, or what is wrong with it, the file named.
base::Result<std::vector<std::int16_t>> read_sound(const std::string& path);

}  // namespace tandem::media
