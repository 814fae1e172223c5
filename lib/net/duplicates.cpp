#include "net/duplicates.h"

#include "base/hash.h"

namespace voip::net {

namespace {

constexpr std::uint64_t kFirst = 0x9fb21c651e98df25ULL;
constexpr std::uint64_t kSecond = 0xd6e8feb86659fd93ULL;
constexpr std::uint64_t kThird = 0xa0761d6478bd642fULL;

constexpr std::size_t kEnd = 32;

std::uint64_t hash_ends(ByteView bytes) {
  if (bytes.size() <= 3 * kEnd) return hash_bytes(bytes);
  return fold(hash_bytes(bytes.first(kEnd)), kThird) ^ hash_bytes(bytes.last(kEnd));
}

// Media packets are most of all packets, and none repeats the header of another: their ends are enough.
std::uint64_t hash_media(ByteView payload) {
  const std::uint8_t* begin = payload.data();
  const std::uint8_t* end = begin + payload.size();
  // Side by side, not one after the other: the processor multiplies all of them at once.
  const std::uint64_t header =
      fold(load_le<std::uint64_t>(begin) ^ kHashSeeds.first, load_le<std::uint64_t>(begin + 8) ^ kHashSeeds.second);
  const std::uint64_t middle =
      fold(load_le<std::uint64_t>(begin + 16) ^ kHashSeeds.second, load_le<std::uint64_t>(end - 8) ^ kFirst);
  return header ^ middle ^ fold(load_le<std::uint64_t>(end - 16) ^ kHashSeeds.first, kThird);
}

// HEP3 has its time, to the microsecond, and addresses in its first chunks: both ends tell.
std::uint64_t hash_hep(ByteView payload) {
  return fold(hash_bytes(payload.first(4 * kEnd)), kThird) ^ hash_bytes(payload.last(2 * kEnd));
}

std::uint64_t hash_datagram(ByteView payload) {
  if (payload.size() >= 24 && payload[0] >> 6 == 2) return hash_media(payload);
  if (payload.size() > 8 * kEnd && as_text(payload).starts_with("HEP3")) return hash_hep(payload);
  return hash_bytes(payload);
}

std::uint64_t first_half(const IpAddress& address) { return load_le<std::uint64_t>(address.bytes().data()); }
std::uint64_t second_half(const IpAddress& address) { return load_le<std::uint64_t>(address.bytes().data() + 8); }

}  // namespace

std::uint64_t duplicate_hash(const IpPacket& packet) {
  const ByteView bytes = packet.payload;
  std::uint64_t hash = 0;
  std::uint64_t ports = 0;
  if (!packet.fragment && packet.protocol == kUdp && bytes.size() >= 8) {
    hash = hash_datagram(bytes.subspan(8));
    ports = load_le<std::uint32_t>(bytes.data());
  } else if (!packet.fragment && packet.protocol == kTcp && bytes.size() >= 20) {
    // Reassembly would not take other bytes for the same sequence numbers either.
    hash = hash_ends(bytes.subspan(18));
    hash = fold(hash ^ load_le<std::uint64_t>(bytes.data() + 4), kThird ^ load_le<std::uint32_t>(bytes.data() + 12));
    ports = load_le<std::uint32_t>(bytes.data());
  } else {
    hash = hash_bytes(bytes);
  }
  const std::uint64_t numbers = (std::uint64_t{packet.id} << 32) | ports;
  if (packet.version == 4) {
    const std::uint64_t addresses = (second_half(packet.src) & 0xffffffff00000000ULL) | (second_half(packet.dst) >> 32);
    hash = fold(hash ^ addresses, kFirst ^ numbers);
  } else {
    hash = fold(hash ^ first_half(packet.src), kFirst ^ numbers);
    hash = fold(hash ^ second_half(packet.src), kSecond ^ first_half(packet.dst));
    hash = fold(hash, kThird ^ second_half(packet.dst));
  }
  // Lengths differ where the capture cut one of two packets.
  const std::uint64_t place = packet.fragment ? packet.fragment_offset + (packet.more_fragments ? 1U : 0U) : 2U;
  const std::uint64_t lengths = (std::uint64_t{packet.missing} << 17) ^ bytes.size();
  return fold(hash ^ (lengths << 26), kSecond ^ ((place << 8) | packet.protocol));
}

}  // namespace voip::net
