// $classes ($precision): a 12-lead ECG classifier with its map, for TensorFlow Lite for Microcontrollers.
// Written by signalcam $version from weights of $size bytes. Research software, not a medical device.
//
//   alignas(16) static uint8_t arena[SIGNALCAM_ARENA_BYTES];
//   tflite::MicroMutableOpResolver<SIGNALCAM_N_OPERATORS> resolver;
//   SIGNALCAM_ADD_OPERATORS(resolver);
//   tflite::MicroInterpreter interpreter(tflite::GetModel(signalcam_model), resolver, arena, sizeof arena);
//   interpreter.AllocateTensors();
//   signalcam_prepare(signals, interpreter.input(0)->data.$member);  // signals in mV, [time][lead]; not changed
//   interpreter.Invoke();
//   interpreter.output(SIGNALCAM_PROBABILITY)->data.f                // one a class
//   interpreter.output(SIGNALCAM_EVIDENCE)->data.f                   // [position][class], its mean the logit
#ifndef SIGNALCAM_MODEL_H_
#define SIGNALCAM_MODEL_H_
#include <math.h>
#include <stdint.h>

#define SIGNALCAM_N_TIMES $n_times        // at $sampling_rate Hz
#define SIGNALCAM_N_LEADS $n_leads        // $leads
#define SIGNALCAM_N_POSITIONS $n_positions
#define SIGNALCAM_N_CLASSES $n_classes    // $classes
#define SIGNALCAM_ARENA_BYTES $arena  // measured on a 64-bit machine; 32-bit ones need less
#define SIGNALCAM_PROBABILITY $probability
#define SIGNALCAM_LOGIT $logit
#define SIGNALCAM_EVIDENCE $evidence

#define SIGNALCAM_N_OPERATORS $n_operators
#define SIGNALCAM_ADD_OPERATORS(resolver) $operators

static const float signalcam_thresholds[SIGNALCAM_N_CLASSES] = {$thresholds};
static const float signalcam_centre[SIGNALCAM_N_LEADS] = {$centre};
static const float signalcam_factor[SIGNALCAM_N_LEADS] = {$factor};

// The orthonormal polynomials of degree 0 to $degree at one sample, by their three-term recurrence.
static inline void signalcam_polynomials(int time, float *q) {
  static const float step[] = {$steps};
  const float x = (float)time - 0.5f * (SIGNALCAM_N_TIMES - 1);
  q[0] = $first;
  q[1] = x * q[0] / step[1];
  for (int k = 1; k < $degree; ++k) q[k + 1] = (x * q[k] - step[k] * q[k - 1]) / step[k + 1];
}

// Baseline wander taken off, scaled as the network was trained, in the type of its input.
static inline void signalcam_prepare(const float *signals, $type *input) {
  float coefficients[SIGNALCAM_N_LEADS][$degree + 1] = {{0}}, q[$degree + 1];
  for (int t = 0; t < SIGNALCAM_N_TIMES; ++t) {
    signalcam_polynomials(t, q);
    for (int lead = 0; lead < SIGNALCAM_N_LEADS; ++lead)
      for (int k = 0; k <= $degree; ++k)
        coefficients[lead][k] += q[k] * signals[t * SIGNALCAM_N_LEADS + lead];
  }
  for (int t = 0; t < SIGNALCAM_N_TIMES; ++t) {
    signalcam_polynomials(t, q);
    for (int lead = 0; lead < SIGNALCAM_N_LEADS; ++lead) {
      float value = signals[t * SIGNALCAM_N_LEADS + lead];
      for (int k = 0; k <= $degree; ++k) value -= coefficients[lead][k] * q[k];
      value = $scaled;
      input[t * SIGNALCAM_N_LEADS + lead] = $quantised;
    }
  }
}

#ifdef __cplusplus
alignas(16)
#else
_Alignas(16)
#endif
static const unsigned char signalcam_model[] = {
$model
};
#endif
