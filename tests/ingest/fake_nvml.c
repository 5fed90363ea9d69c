/* A small libnvidia-ml.so.1 with three GPUs: one that knows everything, one that knows little, and one that has
   fallen off the bus. Signatures as in the NVML API reference. Test double: nothing of it is shipped. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SUCCESS = 0, NOT_SUPPORTED = 3, NOT_FOUND = 6, FUNCTION_NOT_FOUND = 13, GPU_IS_LOST = 15 };
enum { UNSIGNED_INT = 1 };

typedef struct { long index; } Device;
typedef struct { unsigned int gpu, memory; } Utilization;
typedef struct { unsigned long long total, free, used; } Memory;
typedef struct { unsigned int version; int sensor; int temperature; } Temperature;
typedef union { double d; unsigned int ui; unsigned long ul; unsigned long long ull; long long sll; } Value;
typedef struct {
    uint32_t field, scope;
    int64_t timestamp, latency;
    int type, status;
    Value value;
} FieldValue;

static Device devices[] = {{0}, {1}, {2}};

/* With FAKE_NVML_MIG the first GPU is divided into two instances, number 0 and 2; with FAKE_NVML_RECOVERS the lost
   GPU is there again once the library has been initialised a second time. */
static Device instances[] = {{100}, {101}, {102}};
static int initialised = 0;

static int lost(const Device *gpu) {
    return gpu->index == 2 && !(getenv("FAKE_NVML_RECOVERS") && initialised > 1);
}

static int known(const Device *gpu) {
    if (lost(gpu)) return GPU_IS_LOST;
    if (gpu->index >= 100) return NOT_SUPPORTED;
    if (gpu->index == 2) return NOT_SUPPORTED;
    return gpu->index == 1 ? NOT_SUPPORTED : SUCCESS;
}

int nvmlInitWithFlags(unsigned int flags) { (void)flags; initialised++; return SUCCESS; }
int nvmlInit_v2(void) { initialised++; return SUCCESS; }
int nvmlShutdown(void) { return SUCCESS; }
int nvmlDeviceGetCount_v2(unsigned int *count) { *count = 3; return SUCCESS; }
int nvmlDeviceGetHandleByIndex_v2(unsigned int index, Device **gpu) { *gpu = &devices[index]; return SUCCESS; }

int nvmlDeviceGetUUID(Device *gpu, char *text, unsigned int length) {
    if (lost(gpu)) return GPU_IS_LOST;
    if (gpu->index >= 100) {
        snprintf(text, length, "MIG-%08lXab-1234-5678-9abc-def012345678", 0xB0000000 + gpu->index);
        return SUCCESS;
    }
    snprintf(text, length, "GPU-%08lXab-1234-5678-9abc-def012345678", 0xA0B1C2D0 + gpu->index);
    return SUCCESS;
}

int nvmlDeviceGetPowerUsage(Device *gpu, unsigned int *mw) {
    *mw = 123456;
    return lost(gpu) ? GPU_IS_LOST : gpu->index >= 100 ? NOT_SUPPORTED : SUCCESS;
}

int nvmlDeviceGetTotalEnergyConsumption(Device *gpu, unsigned long long *mj) {
    *mj = 9876543210ULL;
    return known(gpu);
}

int nvmlDeviceGetEnforcedPowerLimit(Device *gpu, unsigned int *mw) { *mw = 700000; return known(gpu); }

int nvmlDeviceGetUtilizationRates(Device *gpu, Utilization *use) {
    use->gpu = 87;
    use->memory = 0;
    return known(gpu);
}

int nvmlDeviceGetMemoryInfo(Device *gpu, Memory *memory) {
    memory->total = 80ULL << 30;
    memory->used = 3ULL << 30;
    if (gpu->index >= 100) memory->used = (gpu->index - 99ULL) << 30;
    memory->free = memory->total - memory->used;
    return gpu->index >= 100 ? SUCCESS : known(gpu);
}

int nvmlDeviceGetClockInfo(Device *gpu, int type, unsigned int *mhz) {
    *mhz = type == 1 ? 1530 : 877;
    return known(gpu);
}

/* the newer call is known to the first GPU only; the second has to be asked in the older way */
int nvmlDeviceGetTemperatureV(Device *gpu, Temperature *found) { found->temperature = 64; return known(gpu); }

int nvmlDeviceGetTemperature(Device *gpu, int sensor, unsigned int *celsius) {
    (void)sensor;
    *celsius = 41;
    return lost(gpu) ? GPU_IS_LOST : gpu->index >= 100 ? NOT_SUPPORTED : SUCCESS;
}

/* no fan: a water-cooled board */
int nvmlDeviceGetFanSpeed(Device *gpu, unsigned int *percent) { (void)gpu; *percent = 0; return NOT_SUPPORTED; }

int nvmlDeviceGetCurrentClocksEventReasons(Device *gpu, unsigned long long *reasons) {
    *reasons = 4;
    return known(gpu);
}

int nvmlDeviceGetFieldValues(Device *gpu, int count, FieldValue *values) {
    if (known(gpu) != SUCCESS) return known(gpu);
    for (int i = 0; i < count; i++) {
        values[i].type = UNSIGNED_INT;
        values[i].status = SUCCESS;
        switch (values[i].field) {
        case 185: values[i].value.ui = 300500; break;
        case 186: values[i].value.ui = 412250; break;
        default: values[i].status = NOT_SUPPORTED; values[i].value.ui = 0; break;
        }
    }
    return SUCCESS;
}

int nvmlDeviceGetMigMode(Device *gpu, unsigned int *current, unsigned int *pending) {
    *current = *pending = getenv("FAKE_NVML_MIG") != NULL;
    return known(gpu);
}

int nvmlDeviceGetMaxMigDeviceCount(Device *gpu, unsigned int *count) { *count = 3; return known(gpu); }

int nvmlDeviceGetMigDeviceHandleByIndex(Device *gpu, unsigned int index, Device **instance) {
    *instance = &instances[index];
    return index == 1 ? NOT_FOUND : known(gpu);
}

const char *nvmlErrorString(int code) { (void)code; return "an error"; }
