# hook filter
f0:
    mov %r0, 0
    ldxdw %r3, [%r1+24]
    stxdw [%r10-40], %r1
    ldxdw %r2, [%r1+16]
    mov %r1, %r2
    add %r1, 1
    stxdw [%r10-16], %r3
    jgt %r1, %r3, i51
    mov %r3, 0
    mov32 %r1, 0
    stxw [%r10-64], %r1
    ldxdw %r1, [%r10-40]
    ldxdw %r6, [%r1+40]
    mov32 %r1, 0
    stxw [%r10-56], %r1
    stxw [%r10-24], %r1
    stxw [%r10-32], %r1
    mov32 %r9, 0
    stxw [%r10-8], %r1
    stxdw [%r10-80], %r6
    stxdw [%r10-48], %r2
    stxdw [%r10-72], %r2
    ja i52
i23:
    mov32 %r2, 1
    stxw [%r10-8], %r2
    mov %r6, %r7
    mov %r3, %r1
    ldxw %r2, [%r10-32]
    jeq32 %r2, 0, i45
    mov %r6, %r7
    mov %r3, %r1
    ldxw %r2, [%r10-24]
    jeq32 %r2, 0, i45
    mov %r6, %r7
    add %r6, 1
    ldxdw %r2, [%r10-40]
    ldxdw %r2, [%r2+48]
    jgt %r6, %r2, i41
    ldxb %r2, [%r7]
    mov %r3, %r1
    jeq32 %r2, %r5, i45
i41:
    mov32 %r2, 0
    stxw [%r10-24], %r2
    mov %r6, %r7
    mov %r3, %r1
i45:
    mov %r0, 0
    mov %r2, %r8
    add %r2, 1
    add %r8, 2
    ldxdw %r1, [%r10-16]
    jle %r8, %r1, i52
i51:
    exit
i52:
    mov %r7, %r6
    mov %r1, %r3
    mov32 %r4, %r9
    mov %r8, %r2
    ldxb %r5, [%r8]
    add %r2, 1
    ldxw %r3, [%r10-8]
    jeq32 %r3, 0, i77
    mov32 %r9, 0
    jne32 %r4, 0, i23
    mov32 %r9, 1
    jeq32 %r5, 92, i23
    jne32 %r5, 34, i107
    ldxdw %r3, [%r10-40]
    ldxdw %r3, [%r3+48]
    mov32 %r4, 0
    stxw [%r10-8], %r4
    jeq %r7, %r3, i72
    mov32 %r3, 0
    stxw [%r10-24], %r3
i72:
    stxdw [%r10-48], %r2
    mov %r6, %r7
    mov %r3, %r1
    mov32 %r9, 0
    ja i45
i77:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    mov %r6, %r7
    mov %r3, %r1
    mov32 %r9, %r4
    jeq32 %r5, 32, i45
    jgt32 %r5, 13, i91
    mov32 %r0, 1
    lsh32 %r0, %r5
    and32 %r0, 9728
    mov %r6, %r7
    mov %r3, %r1
    mov32 %r9, %r4
    jne32 %r0, 0, i45
i91:
    mov %r0, 0
    jne %r1, 0, i94
    jne32 %r5, 123, i51
i94:
    jne %r1, 1, i109
    ldxw %r3, [%r10-56]
    jeq32 %r3, 0, i109
    jeq32 %r5, 44, i99
    jne32 %r5, 125, i109
i99:
    ldxw %r1, [%r10-64]
    jeq32 %r1, 0, i51
    ldxdw %r1, [%r10-72]
    ldxdw %r2, [%r10-48]
    sub %r2, %r1
    call 8
    mov %r0, 1
    ja i51
i107:
    mov32 %r9, 0
    ja i23
i109:
    mov32 %r3, 1
    ldxw %r6, [%r10-56]
    jeq32 %r6, 0, i113
    mov32 %r3, 0
i113:
    mov32 %r6, 1
    ldxw %r9, [%r10-64]
    jne32 %r9, 0, i117
    mov32 %r6, 0
i117:
    or32 %r3, %r6
    jne32 %r3, 0, i121
    mov32 %r6, 1
    stxw [%r10-64], %r6
i121:
    jne32 %r3, 0, i123
    stxdw [%r10-72], %r8
i123:
    jsgt32 %r5, 90, i157
    jeq32 %r5, 34, i187
    jeq32 %r5, 44, i197
    jeq32 %r5, 58, i128
    ja i172
i128:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    stxdw [%r10-48], %r2
    mov %r6, %r7
    mov %r3, %r1
    mov32 %r9, %r4
    jne %r1, 1, i45
    mov32 %r1, 1
    ldxw %r3, [%r10-56]
    jne32 %r3, 0, i146
    mov32 %r3, 1
    ldxw %r5, [%r10-24]
    jne32 %r5, 0, i142
    mov32 %r3, 0
i142:
    ldxw %r5, [%r10-32]
    jne32 %r5, 0, i145
    mov32 %r1, 0
i145:
    and32 %r1, %r3
i146:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    mov %r3, 1
    and32 %r1, 1
    stxdw [%r10-48], %r2
    mov %r6, %r7
    mov32 %r9, %r4
    mov32 %r2, 0
    stxw [%r10-32], %r2
    stxw [%r10-56], %r1
    ja i45
i157:
    jsgt32 %r5, 122, i170
    jeq32 %r5, 91, i178
    jeq32 %r5, 93, i161
    ja i172
i161:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    add %r1, -1
    stxdw [%r10-48], %r2
    mov %r6, %r7
    mov %r3, %r1
    mov32 %r9, %r4
    jeq %r1, 0, i51
    ja i45
i170:
    jeq32 %r5, 123, i178
    jeq32 %r5, 125, i161
i172:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    stxdw [%r10-48], %r2
    mov %r6, %r7
    mov %r3, %r1
    ja i209
i178:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    mov %r3, %r1
    add %r3, 1
    stxdw [%r10-48], %r2
    mov %r6, %r7
    mov32 %r9, %r4
    jne %r1, 0, i45
    ja i204
i187:
    mov32 %r3, 1
    stxw [%r10-8], %r3
    stxw [%r10-24], %r3
    jeq %r1, 1, i193
    mov32 %r3, 0
    stxw [%r10-24], %r3
i193:
    stxdw [%r10-48], %r2
    ldxdw %r6, [%r10-80]
    mov %r3, %r1
    ja i209
i197:
    mov32 %r3, 0
    stxw [%r10-8], %r3
    stxdw [%r10-48], %r2
    mov %r6, %r7
    mov %r3, %r1
    mov32 %r9, %r4
    jne %r1, 1, i45
i204:
    mov32 %r1, 1
    stxw [%r10-32], %r1
    mov %r3, 1
    stxdw [%r10-48], %r2
    mov %r6, %r7
i209:
    mov32 %r9, %r4
    ja i45
