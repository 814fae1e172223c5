#include "proto/rtp/rtp.h"
