# hook filter
f0:
    mov %r0, 0
    ldxdw %r2, [%r1+24]
    ldxdw %r1, [%r1+16]
    mov %r3, %r1
    add %r3, 52
    jgt %r3, %r2, i208
    ldxsw %r2, [%r1]
    mul %r2, 650399
    lddw %r3, 0xfffffffe068ef62e
    add %r2, %r3
    arsh %r2, 24
    jslt %r2, 127, i13
    mov %r2, 127
i13:
    jsgt %r2, -127, i15
    mov %r2, -127
i15:
    stxb [%r10-13], %r2
    ldxsw %r2, [%r1+4]
    mul %r2, 443005
    add %r2, -1051693870
    arsh %r2, 24
    jslt %r2, 127, i22
    mov %r2, 127
i22:
    jsgt %r2, -127, i24
    mov %r2, -127
i24:
    stxb [%r10-12], %r2
    ldxsw %r2, [%r1+8]
    mul %r2, 1945687
    lddw %r3, 0xfffffffef0296368
    add %r2, %r3
    arsh %r2, 24
    jslt %r2, 127, i32
    mov %r2, 127
i32:
    jsgt %r2, -127, i34
    mov %r2, -127
i34:
    stxb [%r10-11], %r2
    ldxsw %r2, [%r1+12]
    mul %r2, 157803
    lddw %r3, 0xffffffff4b3fb7e5
    add %r2, %r3
    arsh %r2, 24
    jslt %r2, 127, i42
    mov %r2, 127
i42:
    jsgt %r2, -127, i44
    mov %r2, -127
i44:
    stxb [%r10-10], %r2
    ldxsw %r2, [%r1+16]
    mul %r2, 36932
    lddw %r3, 0xffffffff2666df3c
    add %r2, %r3
    arsh %r2, 24
    jslt %r2, 127, i52
    mov %r2, 127
i52:
    jsgt %r2, -127, i54
    mov %r2, -127
i54:
    stxb [%r10-9], %r2
    ldxsw %r2, [%r1+20]
    mul %r2, 835166
    add %r2, -1915035638
    arsh %r2, 24
    jslt %r2, 127, i61
    mov %r2, 127
i61:
    jsgt %r2, -127, i63
    mov %r2, -127
i63:
    stxb [%r10-8], %r2
    ldxsw %r2, [%r1+24]
    mul %r2, 537268
    add %r2, -1067014248
    arsh %r2, 24
    jslt %r2, 127, i70
    mov %r2, 127
i70:
    jsgt %r2, -127, i72
    mov %r2, -127
i72:
    stxb [%r10-7], %r2
    ldxsw %r2, [%r1+28]
    mul %r2, 4291943
    add %r2, -1545099480
    arsh %r2, 24
    jslt %r2, 127, i79
    mov %r2, 127
i79:
    jsgt %r2, -127, i81
    mov %r2, -127
i81:
    stxb [%r10-6], %r2
    ldxsw %r2, [%r1+32]
    mul %r2, 862833
    add %r2, -1373630136
    arsh %r2, 24
    jslt %r2, 127, i88
    mov %r2, 127
i88:
    jsgt %r2, -127, i90
    mov %r2, -127
i90:
    stxb [%r10-5], %r2
    ldxsw %r2, [%r1+36]
    mul %r2, 222171
    add %r2, -1133738613
    arsh %r2, 24
    jslt %r2, 127, i97
    mov %r2, 127
i97:
    jsgt %r2, -127, i99
    mov %r2, -127
i99:
    stxb [%r10-4], %r2
    ldxsw %r2, [%r1+40]
    mul %r2, 2330723
    lddw %r3, 0xffffffff798609a8
    add %r2, %r3
    arsh %r2, 24
    jslt %r2, 127, i107
    mov %r2, 127
i107:
    jsgt %r2, -127, i109
    mov %r2, -127
i109:
    stxb [%r10-3], %r2
    ldxsw %r2, [%r1+44]
    mul %r2, 757959
    add %r2, -1979788908
    arsh %r2, 24
    jslt %r2, 127, i116
    mov %r2, 127
i116:
    jsgt %r2, -127, i118
    mov %r2, -127
i118:
    stxb [%r10-2], %r2
    ldxsw %r1, [%r1+48]
    mul %r1, 1657
    add %r1, -1241510564
    arsh %r1, 24
    jslt %r1, 127, i125
    mov %r1, 127
i125:
    jsgt %r1, -127, i127
    mov %r1, -127
i127:
    stxb [%r10-1], %r1
    mov %r4, %r10
    add %r4, -13
    mov %r5, %r10
    add %r5, -40
    lddw %r1, data[0]
    mov %r2, 5
    mov %r3, 13
    call 96
    ldxw %r1, [%r10-40]
    add32 %r1, 3559
    arsh32 %r1, 7
    jslt32 %r1, 127, i141
    mov32 %r1, 127
i141:
    jsgt32 %r1, 0, i143
    mov32 %r1, 0
i143:
    stxb [%r10-18], %r1
    ldxw %r1, [%r10-36]
    add32 %r1, 1013
    arsh32 %r1, 7
    jslt32 %r1, 127, i149
    mov32 %r1, 127
i149:
    jsgt32 %r1, 0, i151
    mov32 %r1, 0
i151:
    stxb [%r10-17], %r1
    ldxw %r1, [%r10-32]
    add32 %r1, 1937
    arsh32 %r1, 7
    jslt32 %r1, 127, i157
    mov32 %r1, 127
i157:
    jsgt32 %r1, 0, i159
    mov32 %r1, 0
i159:
    stxb [%r10-16], %r1
    ldxw %r1, [%r10-28]
    add32 %r1, 3267
    arsh32 %r1, 7
    jslt32 %r1, 127, i165
    mov32 %r1, 127
i165:
    jsgt32 %r1, 0, i167
    mov32 %r1, 0
i167:
    stxb [%r10-15], %r1
    ldxw %r1, [%r10-24]
    add32 %r1, 3369
    arsh32 %r1, 7
    jslt32 %r1, 127, i173
    mov32 %r1, 127
i173:
    jsgt32 %r1, 0, i175
    mov32 %r1, 0
i175:
    stxb [%r10-14], %r1
    mov %r4, %r10
    add %r4, -18
    mov %r5, %r10
    add %r5, -52
    lddw %r1, data[65]
    mov %r2, 3
    mov %r3, 5
    call 96
    ldxw %r1, [%r10-44]
    add32 %r1, -772
    stxw [%r10-56], %r1
    ldxw %r3, [%r10-52]
    add32 %r3, 702
    ldxw %r4, [%r10-48]
    add32 %r4, 263
    mov32 %r2, %r4
    jsgt32 %r4, %r3, i194
    mov32 %r2, %r3
i194:
    stxw [%r10-64], %r3
    stxw [%r10-60], %r4
    stw [%r10-68], 0
    jsgt32 %r4, %r3, i199
    jsle32 %r1, %r2, i203
i199:
    mov32 %r3, 2
    jsgt32 %r1, %r2, i202
    mov32 %r3, 1
i202:
    stxw [%r10-68], %r3
i203:
    mov %r1, %r10
    add %r1, -68
    mov %r2, 16
    call 8
    mov %r0, 1
i208:
    exit
.data fe 0f
.data zero 1
.data 0c ef f7 d8 07 f5 1d e1 e2 f4 03 0e 21 1b fc 01 df 04 07 28 e4 e7 02 11 02 0b eb 03 02 12 fa 01
.data 04 04 0f 1d d6 e8 d4 19 08 ff 10 07 04 be 23 0a bc 1f 06 11 da 04 01 1e f3 03 09 05 1c 35 d3
.data zero 1
.data 27 ce 44 f4 c8 e6 66 ce 39 36 f0 cc ed
