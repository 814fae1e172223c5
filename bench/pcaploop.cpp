// The yardstick: reads a capture with libpcap, packet by packet, and touches the first bytes of each. Nothing that
// reads captures through libpcap can be faster.
#include <pcap/pcap.h>

#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstring>

int main(int argc, char** argv) {
  char error[PCAP_ERRBUF_SIZE] = {};
  if (argc != 2) {
    std::fprintf(stderr, "usage: pcaploop FILE\n");
    return 2;
  }
  pcap_t* capture = pcap_open_offline(argv[1], error);
  if (capture == nullptr) {
    std::fprintf(stderr, "pcaploop: %s\n", error);
    return 2;
  }
  pcap_pkthdr* header = nullptr;
  const u_char* bytes = nullptr;
  std::uint64_t packets = 0;
  std::uint64_t total = 0;
  std::uint64_t mixed = 0;
  while (pcap_next_ex(capture, &header, &bytes) == 1) {
    ++packets;
    total += header->caplen;
    std::uint64_t words[5] = {};
    std::memcpy(words, bytes, header->caplen < sizeof(words) ? header->caplen : sizeof(words));
    for (const std::uint64_t word : words) mixed ^= word;
  }
  std::printf("packets %" PRIu64 " bytes %" PRIu64 " sum %" PRIx64 "\n", packets, total, mixed);
  pcap_close(capture);
  return 0;
}
