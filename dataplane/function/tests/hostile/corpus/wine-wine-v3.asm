# hook filter
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+24]
    ldxdw %r1, [%r1+16]
    mov %r3, %r1
    add %r3, 52
    jlt %r2, %r3, i263
    mov %r2, -127
    ldxw %r3, [%r1]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 650399
    lddw %r5, 0x17a7109d2
    mov %r4, -127
    jslt %r3, %r5, i20
    lddw %r4, 0xfffffffe068ef62e
    add %r3, %r4
    arsh %r3, 24
    jslt %r3, 127, i19
    mov %r3, 127
i19:
    mov %r4, %r3
i20:
    stxb [%r10-13], %r4
    ldxw %r3, [%r1+4]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 443005
    jslt %r3, -1079012562, i31
    add %r3, -1051693870
    arsh %r3, 24
    jslt %r3, 127, i30
    mov %r3, 127
i30:
    mov %r2, %r3
i31:
    stxb [%r10-12], %r2
    mov %r2, -127
    ldxw %r3, [%r1+8]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 1945687
    lddw %r5, 0x90d69c98
    mov %r4, -127
    jslt %r3, %r5, i46
    lddw %r4, 0xfffffffef0296368
    add %r3, %r4
    arsh %r3, 24
    jslt %r3, 127, i45
    mov %r3, 127
i45:
    mov %r4, %r3
i46:
    stxb [%r10-11], %r4
    ldxw %r3, [%r1+12]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 157803
    jslt %r3, 901793819, i58
    lddw %r2, 0xffffffff4b3fb7e5
    add %r3, %r2
    arsh %r3, 24
    jslt %r3, 127, i57
    mov %r3, 127
i57:
    mov %r2, %r3
i58:
    stxb [%r10-10], %r2
    mov %r3, -127
    ldxw %r2, [%r1+16]
    lsh %r2, 32
    arsh %r2, 32
    mul %r2, 36932
    jslt %r2, 1519984836, i71
    lddw %r3, 0xffffffff2666df3c
    add %r2, %r3
    arsh %r2, 24
    jslt %r2, 127, i70
    mov %r2, 127
i70:
    mov %r3, %r2
i71:
    stxb [%r10-9], %r3
    mov32 %r2, 129
    ldxw %r3, [%r1+20]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 835166
    mov32 %r4, 129
    jslt %r3, -215670794, i84
    add %r3, -1915035638
    arsh %r3, 24
    jslt %r3, 127, i83
    mov32 %r3, 127
i83:
    mov32 %r4, %r3
i84:
    stxb [%r10-8], %r4
    ldxw %r3, [%r1+24]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 537268
    jslt %r3, -1063692184, i95
    add %r3, -1067014248
    arsh %r3, 24
    jslt %r3, 127, i94
    mov32 %r3, 127
i94:
    mov32 %r2, %r3
i95:
    stxb [%r10-7], %r2
    mov32 %r2, 129
    ldxw %r3, [%r1+28]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 4291943
    mov32 %r4, 129
    jslt %r3, -585606952, i108
    add %r3, -1545099480
    arsh %r3, 24
    jslt %r3, 127, i107
    mov32 %r3, 127
i107:
    mov32 %r4, %r3
i108:
    stxb [%r10-6], %r4
    ldxw %r3, [%r1+32]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 862833
    jslt %r3, -757076296, i119
    add %r3, -1373630136
    arsh %r3, 24
    jslt %r3, 127, i118
    mov32 %r3, 127
i118:
    mov32 %r2, %r3
i119:
    stxb [%r10-5], %r2
    mov32 %r2, 129
    ldxw %r3, [%r1+36]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 222171
    mov32 %r4, 129
    jslt %r3, -996967819, i132
    add %r3, -1133738613
    arsh %r3, 24
    jslt %r3, 127, i131
    mov32 %r3, 127
i131:
    mov32 %r4, %r3
i132:
    stxb [%r10-4], %r4
    ldxw %r3, [%r1+40]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 2330723
    jslt %r3, 125433432, i144
    lddw %r2, 0xffffffff798609a8
    add %r3, %r2
    arsh %r3, 24
    jslt %r3, 127, i143
    mov32 %r3, 127
i143:
    mov32 %r2, %r3
i144:
    stxb [%r10-3], %r2
    mov32 %r2, 129
    ldxw %r3, [%r1+44]
    lsh %r3, 32
    arsh %r3, 32
    mul %r3, 757959
    mov32 %r4, 129
    jslt %r3, -150917524, i157
    add %r3, -1979788908
    arsh %r3, 24
    jslt %r3, 127, i156
    mov32 %r3, 127
i156:
    mov32 %r4, %r3
i157:
    stxb [%r10-2], %r4
    ldxw %r1, [%r1+48]
    lsh %r1, 32
    arsh %r1, 32
    mul %r1, 1657
    jslt %r1, -889195868, i168
    add %r1, -1241510564
    arsh %r1, 24
    jslt %r1, 127, i167
    mov32 %r1, 127
i167:
    mov32 %r2, %r1
i168:
    stxb [%r10-1], %r2
    mov %r4, %r10
    add %r4, -13
    mov %r5, %r10
    add %r5, -40
    lddw %r1, data[0]
    mov %r2, 5
    mov %r3, 13
    call 96
    mov32 %r1, 0
    ldxw %r2, [%r10-40]
    mov32 %r3, 0
    jslt32 %r2, -3559, i188
    add32 %r2, 3559
    arsh32 %r2, 7
    lsh %r2, 32
    arsh %r2, 32
    jlt %r2, 127, i187
    mov32 %r2, 127
i187:
    mov32 %r3, %r2
i188:
    stxb [%r10-18], %r3
    ldxw %r2, [%r10-36]
    jslt32 %r2, -1013, i198
    add32 %r2, 1013
    arsh32 %r2, 7
    lsh %r2, 32
    arsh %r2, 32
    jlt %r2, 127, i197
    mov32 %r2, 127
i197:
    mov32 %r1, %r2
i198:
    stxb [%r10-17], %r1
    mov32 %r1, 0
    ldxw %r2, [%r10-32]
    mov32 %r3, 0
    jslt32 %r2, -1937, i210
    add32 %r2, 1937
    arsh32 %r2, 7
    lsh %r2, 32
    arsh %r2, 32
    jlt %r2, 127, i209
    mov32 %r2, 127
i209:
    mov32 %r3, %r2
i210:
    stxb [%r10-16], %r3
    ldxw %r2, [%r10-28]
    jslt32 %r2, -3267, i220
    add32 %r2, 3267
    arsh32 %r2, 7
    lsh %r2, 32
    arsh %r2, 32
    jlt %r2, 127, i219
    mov32 %r2, 127
i219:
    mov32 %r1, %r2
i220:
    stxb [%r10-15], %r1
    mov32 %r6, 0
    ldxw %r1, [%r10-24]
    mov32 %r2, 0
    jslt32 %r1, -3369, i232
    add32 %r1, 3369
    arsh32 %r1, 7
    lsh %r1, 32
    arsh %r1, 32
    jlt %r1, 127, i231
    mov32 %r1, 127
i231:
    mov32 %r2, %r1
i232:
    stxb [%r10-14], %r2
    mov %r4, %r10
    add %r4, -18
    mov %r5, %r10
    add %r5, -52
    lddw %r1, data[65]
    mov %r2, 3
    mov %r3, 5
    call 96
    stxw [%r10-72], %r6
    ldxw %r1, [%r10-44]
    add32 %r1, -772
    stxw [%r10-60], %r1
    ldxw %r2, [%r10-52]
    add32 %r2, 702
    stxw [%r10-68], %r2
    ldxw %r3, [%r10-48]
    add32 %r3, 263
    stxw [%r10-64], %r3
    jsle32 %r3, %r2, i255
    mov32 %r2, 1
    stxw [%r10-72], %r2
    mov32 %r2, %r3
i255:
    jsle32 %r1, %r2, i258
    mov32 %r1, 2
    stxw [%r10-72], %r1
i258:
    mov %r1, %r10
    add %r1, -72
    mov %r2, 16
    call 8
    mov %r0, 1
i263:
    exit
.data fe 0f
.data zero 1
.data 0c ef f7 d8 07 f5 1d e1 e2 f4 03 0e 21 1b fc 01 df 04 07 28 e4 e7 02 11 02 0b eb 03 02 12 fa 01
.data 04 04 0f 1d d6 e8 d4 19 08 ff 10 07 04 be 23 0a bc 1f 06 11 da 04 01 1e f3 03 09 05 1c 35 d3
.data zero 1
.data 27 ce 44 f4 c8 e6 66 ce 39 36 f0 cc ed
